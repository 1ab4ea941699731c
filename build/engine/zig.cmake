# CMake toolchain of the engine libraries: clang, the C++ runtime and every target's libc from the package `ziglang`.
#
# In: ZIG (path of the executable), ZIG_TARGET (triple, with the glibc floor), ZIG_SYSTEM, ZIG_PROCESSOR.

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG ZIG_TARGET ZIG_SYSTEM ZIG_PROCESSOR)
set(CMAKE_SYSTEM_NAME ${ZIG_SYSTEM})
set(CMAKE_SYSTEM_PROCESSOR ${ZIG_PROCESSOR})

set(CMAKE_C_COMPILER "${ZIG}" cc -target ${ZIG_TARGET})
set(CMAKE_CXX_COMPILER "${ZIG}" c++ -target ${ZIG_TARGET})
set(CMAKE_ASM_COMPILER "${ZIG}" cc -target ${ZIG_TARGET})

# CMAKE_AR holds one program, and `zig ar` is a program with an argument. D: no times, no owners.
foreach(language C CXX ASM)
    set(CMAKE_${language}_ARCHIVE_CREATE "\"${ZIG}\" ar qcD <TARGET> <OBJECTS>")
    set(CMAKE_${language}_ARCHIVE_APPEND "\"${ZIG}\" ar qD <TARGET> <OBJECTS>")
    set(CMAKE_${language}_ARCHIVE_FINISH "\"${ZIG}\" ranlib <TARGET>")
endforeach()

# One file per library: links like libllama.so.0 survive neither zip nor Windows.
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME TRUE)

# The same bytes wherever the build runs, only upstream's interface visible, nothing unused kept.
add_compile_options(
    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=llama.cpp"
    "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build"
    -g0 -fvisibility=hidden -ffunction-sections -fdata-sections)

if(ZIG_SYSTEM STREQUAL "Linux")
    add_link_options(-s LINKER:--gc-sections "LINKER:--version-script=${CMAKE_CURRENT_LIST_DIR}/hidden.map")
endif()
