# libssl-dev >= 3.0 (Apache-2.0): base64 of meta keys, constant-time comparison of passwords.
find_path(Crypto_INCLUDE_DIR openssl/evp.h)
find_library(Crypto_LIBRARY crypto)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Crypto
  REQUIRED_VARS Crypto_LIBRARY Crypto_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package libssl-dev (or run: sh contrib/quickstart).")
if(Crypto_FOUND AND NOT TARGET Crypto::Crypto)
  add_library(Crypto::Crypto UNKNOWN IMPORTED)
  set_target_properties(Crypto::Crypto PROPERTIES
    IMPORTED_LOCATION "${Crypto_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Crypto_INCLUDE_DIR}")
endif()
mark_as_advanced(Crypto_INCLUDE_DIR Crypto_LIBRARY)
