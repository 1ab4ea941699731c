"""What is said of the end of a process."""

import signal

from runtime.engine.death import Death, death

LOG = "llama_decode: note\nattach_threadpool: call\n"


def test_last_words_are_a_reason_only_of_what_broke_by_itself() -> None:
    broke = death(-signal.SIGABRT, LOG)
    assert broke == Death("it was ended by SIGABRT, saying `attach_threadpool: call`", is_fault=True)
    assert death(-signal.SIGKILL, LOG) == Death("it was ended by SIGKILL", is_fault=False)


def test_other_ends() -> None:
    assert death(3, "no such file\n").text == "it ended with status 3, saying `no such file`"
    assert death(None, "").text == "it closed its connection"
    assert death(-9, LOG, "it was stopped") == Death("it was stopped", is_fault=False)
