# Run at each build: fills in the commit, and touches the header only when it changed.
execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --abbrev=10 --exclude "*"
  OUTPUT_VARIABLE FLASKSCALE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT FLASKSCALE_COMMIT)
  # A tree without its repository, like that of the container image's build, is told.
  set(FLASKSCALE_COMMIT "$ENV{FLASKSCALE_COMMIT}")
endif()
if(NOT FLASKSCALE_COMMIT)
  set(FLASKSCALE_COMMIT "unknown")
endif()
configure_file("${SOURCE_DIR}/proxy/server/version.h.in" "${OUTPUT}" @ONLY)
