# zig.cmake for ARM: gives zig the CPU levels in its own words.
#
# ggml asks for a level as gcc spells it (-march=armv8.2-a+dotprod+fp16). zig reads -march and -mcpu itself and knows
# the same as -mcpu=generic+v8_2a+dotprod+fullfp16. The options of every target are rewritten once all are defined.

include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)

function(use_zig_cpu_names folder)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
        get_target_property(options ${target} COMPILE_OPTIONS)
        if(options MATCHES "-march=armv")
            string(REPLACE "+fp16" "+fullfp16" options "${options}")
            string(REPLACE "+nosve" "-sve" options "${options}")
            string(REGEX REPLACE "-march=armv([0-9]+)-a" "-mcpu=generic+v\\1a" options "${options}")
            string(REGEX REPLACE "-march=armv([0-9]+)\\.([0-9]+)-a" "-mcpu=generic+v\\1_\\2a" options "${options}")
            set_target_properties(${target} PROPERTIES COMPILE_OPTIONS "${options}")
        endif()
    endforeach()
    get_property(children DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
    foreach(child ${children})
        use_zig_cpu_names(${child})
    endforeach()
endfunction()

if(PROJECT_IS_TOP_LEVEL)
    cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL use_zig_cpu_names ${CMAKE_SOURCE_DIR})
endif()
