# Our own backend (src/llm/cpu): its sources, OpenMP, oneDNN where it is, and ggml's internal header where libllama was built by scripts/deps.
# Without the header the backend refuses with a reason and stock libllama runs; without oneDNN weight products stay stock.
file(GLOB SALIENT_CPU_SOURCES CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/llm/cpu/*.c")
target_sources(salient_core PRIVATE ${SALIENT_CPU_SOURCES})
# Kernels are measured loops: optimised in debug builds too.
set_source_files_properties(${SALIENT_CPU_SOURCES} PROPERTIES COMPILE_OPTIONS "-O3")

find_package(OpenMP COMPONENTS C)
if(OpenMP_C_FOUND)
  target_link_libraries(salient_core PRIVATE OpenMP::OpenMP_C)
endif()

set(cpu_definitions "")
find_path(GGML_INTERNAL ggml-backend-impl.h PATHS "${LLAMA_INCLUDE_DIR}/ggml-internal" NO_DEFAULT_PATH)
if(GGML_INTERNAL)
  list(APPEND cpu_definitions SALIENT_GGML_INTERNAL)
endif()
# Not by its CMake package: Debian's asks for OpenCL's headers, which nothing here needs.
find_path(DNNL_INCLUDE oneapi/dnnl/dnnl_version.h)
find_library(DNNL_LIBRARY dnnl)
if(DNNL_INCLUDE AND DNNL_LIBRARY)
  file(STRINGS "${DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h" dnnl_lines REGEX "define DNNL_VERSION_(MAJOR|MINOR) ")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2" dnnl_version "${dnnl_lines}")
  # 2.6 and 3.x have different C interfaces; the sources know both.
  if(dnnl_version VERSION_GREATER_EQUAL 2.6 AND dnnl_version VERSION_LESS 4)
    message(STATUS "oneDNN ${dnnl_version}: ${DNNL_LIBRARY}")
    list(APPEND cpu_definitions SALIENT_ONEDNN)
    target_link_libraries(salient_core PRIVATE "${DNNL_LIBRARY}")
  else()
    message(STATUS "oneDNN '${dnnl_version}' is not one of 2.6 to 3.x: weight products stay with libllama")
  endif()
endif()
foreach(source IN LISTS SALIENT_CPU_SOURCES)
  set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS ${cpu_definitions})
  if(GGML_INTERNAL)
    set_property(SOURCE "${source}" APPEND PROPERTY INCLUDE_DIRECTORIES "${GGML_INTERNAL}")
  endif()
endforeach()
