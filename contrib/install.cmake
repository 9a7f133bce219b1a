# What `cmake --install` puts beside the programs: man pages, completion, systemd unit, configuration. Included by
# CMakeLists.txt.
#
# Everything is made when it is installed, so that --prefix and DESTDIR count: its man page is what ringcached prints,
# the unit names the place of the program. The simulator's comes with it, where that was built. A configuration file that is there already is left as it is.
install(CODE "set(PROGRAM \"$<TARGET_FILE:ringcached>\")
set(SIMULATOR \"$<TARGET_FILE:ringsim>\")
set(SOURCE \"${PROJECT_SOURCE_DIR}\")
set(BUILD \"${PROJECT_BINARY_DIR}\")
set(BINDIR \"${CMAKE_INSTALL_BINDIR}\")
set(MANDIR \"${CMAKE_INSTALL_MANDIR}\")
set(DOCDIR \"${CMAKE_INSTALL_DOCDIR}\")")
install(CODE [==[
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_PREFIX NORMALIZE OUTPUT_VARIABLE TOP)
# Programs of the system are configured in /etc, others below their prefix.
set(ETC ${TOP}/etc)
if(TOP STREQUAL "/usr")
  set(ETC /etc)
endif()

execute_process(COMMAND ${PROGRAM} --print-man OUTPUT_FILE ${BUILD}/ringcached.1 COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL ${BUILD}/ringcached.1 ${SOURCE}/contrib/ringctl.1 DESTINATION ${TOP}/${MANDIR}/man1)
if(EXISTS ${SIMULATOR})
  file(INSTALL ${SOURCE}/contrib/ringsim.1 DESTINATION ${TOP}/${MANDIR}/man1)
endif()
file(INSTALL ${SOURCE}/contrib/ringctl.bash DESTINATION ${TOP}/share/bash-completion/completions RENAME ringctl)

file(READ ${SOURCE}/contrib/ringcached.service UNIT)
string(REPLACE "/usr/bin/ringcached" "${TOP}/${BINDIR}/ringcached" UNIT "${UNIT}")
string(REPLACE "/etc/ringcached.conf" "${ETC}/ringcached.conf" UNIT "${UNIT}")
file(WRITE ${BUILD}/ringcached.service "${UNIT}")
file(INSTALL ${BUILD}/ringcached.service DESTINATION ${TOP}/lib/systemd/system)

if(NOT EXISTS $ENV{DESTDIR}${ETC}/ringcached.conf)
  file(INSTALL ${SOURCE}/conf/ringcached.conf DESTINATION ${ETC})
endif()
file(GLOB EXAMPLES ${SOURCE}/conf/*.conf)
file(INSTALL ${EXAMPLES} DESTINATION ${TOP}/${DOCDIR}/conf)
file(INSTALL ${SOURCE}/README.md ${SOURCE}/LICENSE DESTINATION ${TOP}/${DOCDIR})
]==])
