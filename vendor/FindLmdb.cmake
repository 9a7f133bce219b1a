# liblmdb-dev >= 0.9.24 (OpenLDAP): the checkpoint engine.
find_path(Lmdb_INCLUDE_DIR lmdb.h)
find_library(Lmdb_LIBRARY lmdb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Lmdb
  REQUIRED_VARS Lmdb_LIBRARY Lmdb_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package liblmdb-dev (or run: sh contrib/quickstart).")
if(Lmdb_FOUND AND NOT TARGET Lmdb::Lmdb)
  add_library(Lmdb::Lmdb UNKNOWN IMPORTED)
  set_target_properties(Lmdb::Lmdb PROPERTIES
    IMPORTED_LOCATION "${Lmdb_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Lmdb_INCLUDE_DIR}")
endif()
mark_as_advanced(Lmdb_INCLUDE_DIR Lmdb_LIBRARY)
