# libmurmurhash-dev >= 1.5 (MIT): MurmurHash3: places of keys, tokens, checksums.
find_path(Murmurhash_INCLUDE_DIR murmurhash.h)
find_library(Murmurhash_LIBRARY murmurhash)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Murmurhash
  REQUIRED_VARS Murmurhash_LIBRARY Murmurhash_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package libmurmurhash-dev (or run: sh contrib/quickstart).")
if(Murmurhash_FOUND AND NOT TARGET Murmurhash::Murmurhash)
  add_library(Murmurhash::Murmurhash UNKNOWN IMPORTED)
  set_target_properties(Murmurhash::Murmurhash PROPERTIES
    IMPORTED_LOCATION "${Murmurhash_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Murmurhash_INCLUDE_DIR}")
endif()
mark_as_advanced(Murmurhash_INCLUDE_DIR Murmurhash_LIBRARY)
