# Files built into the library: found again in C as
#   extern const char sal_asset_<name>[], sal_asset_<name>_end[];
# <name> being the file's base name with every other character than a letter or digit as _.

# One text of all stop lists: "= en", then a word a line, then "= fr", ...
function(salient_combine_stopwords folder out)
  file(GLOB lists CONFIGURE_DEPENDS "${folder}/*.txt")
  if(NOT lists)
    message(FATAL_ERROR "${folder} holds no stop lists: run scripts/deps")
  endif()
  set(all "")
  foreach(list IN LISTS lists)
    get_filename_component(language "${list}" NAME_WE)
    file(READ "${list}" words)
    string(APPEND all "= ${language}\n${words}\n")
  endforeach()
  file(GENERATE OUTPUT "${out}" CONTENT "${all}")
endfunction()

function(salient_embed out)
  set(text "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" name "${name}")
    string(APPEND text ".global sal_asset_${name}\n.global sal_asset_${name}_end\n.balign 16\nsal_asset_${name}:\n.incbin \"${file}\"\nsal_asset_${name}_end:\n.byte 0\n")
  endforeach()
  file(GENERATE OUTPUT "${out}" CONTENT ".section .rodata\n${text}.section .note.GNU-stack,\"\",%progbits\n")
  set_source_files_properties("${out}" PROPERTIES GENERATED TRUE OBJECT_DEPENDS "${ARGN}")
endfunction()
