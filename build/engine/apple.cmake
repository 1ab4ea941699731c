# CMake toolchain of the engine libraries on a Mac: Apple's clang and SDK, with Metal and Accelerate, which zig has not.
#
# In: as zig.cmake; ZIG_TARGET gives the oldest macOS. The compiler decides bytes, so its version is in the recipe hash.

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET ZIG_SYSTEM ZIG_PROCESSOR)
string(REGEX REPLACE ".*-macos\\." "" CMAKE_OSX_DEPLOYMENT_TARGET "${ZIG_TARGET}")
set(CMAKE_OSX_ARCHITECTURES "${ZIG_PROCESSOR}")
if(NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL ZIG_PROCESSOR) # a Mac makes images for Macs of the other kind, too
    set(CMAKE_SYSTEM_NAME ${ZIG_SYSTEM})
    set(CMAKE_SYSTEM_PROCESSOR ${ZIG_PROCESSOR})
endif()

# Metal's kernels go into the library as source, which needs no compiler of Xcode's; the driver compiles them at run time.
# BLAS stays off: ggml calls it by names that Accelerate has since macOS 13.3 only.
set(GGML_METAL ON CACHE BOOL "")
set(GGML_METAL_EMBED_LIBRARY ON CACHE BOOL "")
set(GGML_ACCELERATE ON CACHE BOOL "")
set(GGML_BLAS OFF CACHE BOOL "")

set(CMAKE_INSTALL_RPATH "@loader_path")
set(CMAKE_MACOSX_RPATH ON)
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME TRUE)

add_compile_options(
    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=llama.cpp"
    "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build"
    -g0 -fvisibility=hidden)
# -S -x: no debugging information, no local symbols; the linker signs what it writes for Apple's processors.
add_link_options(LINKER:-dead_strip LINKER:-S LINKER:-x)
