# Toolchain file for `nox -s cross`: 64-bit ARM by clang, on Debian with libc6-dev-arm64-cross, libgcc-12-dev-arm64-cross
# and lld-14 (gcc's own cross compiler cannot be installed beside the one for i386). Programs run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER clang-14)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT -fuse-ld=lld-14)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -fuse-ld=lld-14)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
