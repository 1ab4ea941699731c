# What hidden.map is on Linux: parts of the C runtime that zig links into every DLL, which no other DLL may see.
# lld would export them, as it does what has no dllexport, because zig calls their files otherwise than mingw-w64.
# It reads this section of any object file; and it takes a name that is not there for nothing.

.section .drectve,"yni"
.ascii " -exclude-symbols:_CRT_INIT,__mingw_module_is_dll,__unw_getcontext,atexit,unw_getcontext"
