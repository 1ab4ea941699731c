# zig.cmake for Windows: DLLs of mingw-w64's kind, whose C++ runtime zig links statically. The C runtime is Windows' own.

include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)

# CMake asks for a resource compiler; no library of ours has resources.
set(CMAKE_RC_COMPILER "${ZIG}")
set(CMAKE_RC_COMPILE_OBJECT "\"${ZIG}\" rc <SOURCE> <OBJECT>")

# What is not hidden is exported, as elsewhere; hidden-windows.s, an assembly source that zig links, keeps the rest in.
add_link_options(-s LINKER:--gc-sections ${CMAKE_CURRENT_LIST_DIR}/hidden-windows.s)

# NAME.dll, as ggml names its own, where mingw-w64's habit is libNAME.dll.
function(name_without_lib folder)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
        get_target_property(type ${target} TYPE)
        if(type STREQUAL "SHARED_LIBRARY")
            set_target_properties(${target} PROPERTIES PREFIX "")
        endif()
    endforeach()
    get_property(children DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
    foreach(child ${children})
        name_without_lib(${child})
    endforeach()
endfunction()

if(PROJECT_IS_TOP_LEVEL)
    cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL name_without_lib ${CMAKE_SOURCE_DIR})
endif()
