#include "stage.h"

#include <stdlib.h>

#include "fs.h"
#include "say.h"

static const char *stage;

void stage_begin(const char *path)
{
    atexit(stage_discard);
    stage = path;
    if (fs_make_dir(path))
        fail_write(path);
}

void stage_publish(const char *final_path)
{
    if (fs_rename(stage, final_path))
        fail_write(final_path);
    stage = NULL;
}

void stage_discard(void)
{
    if (stage)
        fs_remove_tree(stage);
    stage = NULL;
}
