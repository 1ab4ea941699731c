# zig.cmake for Windows: DLLs for mingw-w64's runtime, which zig links statically where Windows itself has no part of it.

include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)

# CMake asks for a resource compiler; no library of ours has resources.
set(CMAKE_RC_COMPILER "${ZIG}")
set(CMAKE_RC_COMPILE_OBJECT "\"${ZIG}\" rc <SOURCE> <OBJECT>")

add_link_options(-s LINKER:--gc-sections)
