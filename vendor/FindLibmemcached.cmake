# libmemcached-dev >= 1.1.4 (BSD-3-Clause): the client of the tests in t/client; the server does not need it.
find_path(Libmemcached_INCLUDE_DIR libmemcached/memcached.h)
find_library(Libmemcached_LIBRARY memcached)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libmemcached
  REQUIRED_VARS Libmemcached_LIBRARY Libmemcached_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package libmemcached-dev (or run: sh t/run).")
if(Libmemcached_FOUND AND NOT TARGET Libmemcached::Libmemcached)
  add_library(Libmemcached::Libmemcached UNKNOWN IMPORTED)
  set_target_properties(Libmemcached::Libmemcached PROPERTIES
    IMPORTED_LOCATION "${Libmemcached_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Libmemcached_INCLUDE_DIR}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${Libmemcached_INCLUDE_DIR}")
endif()
mark_as_advanced(Libmemcached_INCLUDE_DIR Libmemcached_LIBRARY)
