# zig.cmake for macOS: CPU only, because zig has none of Apple's frameworks (Metal, Accelerate); apple.cmake has them.

if(ZIG_PROCESSOR STREQUAL "arm64")
    include(${CMAKE_CURRENT_LIST_DIR}/zig-arm.cmake)
else()
    include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
endif()

foreach(option GGML_METAL GGML_ACCELERATE GGML_BLAS)
    set(${option} OFF CACHE BOOL "needs a framework of Apple's")
endforeach()

# The triple says the oldest macOS, and zig brings its own SDK; CMake asks for a tool that only `install` would use.
set(CMAKE_OSX_SYSROOT "")
set(CMAKE_OSX_DEPLOYMENT_TARGET "")
set(CMAKE_OSX_ARCHITECTURES "")
set(CMAKE_INSTALL_NAME_TOOL "${ZIG}")

# dyld's word for what ELF calls $ORIGIN.
set(CMAKE_INSTALL_RPATH "@loader_path")
set(CMAKE_MACOSX_RPATH ON)

# CMake makes a plugin a bundle, which zig knows nothing of; dlopen opens a dylib as well.
add_link_options(-s LINKER:-dead_strip "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>:-dynamiclib>")
