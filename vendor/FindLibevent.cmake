# libevent-dev >= 2.1.12 (BSD-3-Clause): event loops, sockets, timers; its "extra" part: HTTP for the admin port.
find_path(Libevent_INCLUDE_DIR event2/event.h)
find_library(Libevent_LIBRARY event_core)
find_library(Libevent_EXTRA_LIBRARY event_extra)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libevent
  REQUIRED_VARS Libevent_LIBRARY Libevent_EXTRA_LIBRARY Libevent_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package libevent-dev (or run: sh contrib/quickstart).")
if(Libevent_FOUND AND NOT TARGET Libevent::Libevent)
  add_library(Libevent::Libevent UNKNOWN IMPORTED)
  set_target_properties(Libevent::Libevent PROPERTIES
    IMPORTED_LOCATION "${Libevent_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Libevent_INCLUDE_DIR}")
  add_library(Libevent::Extra UNKNOWN IMPORTED)
  set_target_properties(Libevent::Extra PROPERTIES
    IMPORTED_LOCATION "${Libevent_EXTRA_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Libevent_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES Libevent::Libevent)
endif()
mark_as_advanced(Libevent_INCLUDE_DIR Libevent_LIBRARY Libevent_EXTRA_LIBRARY)
