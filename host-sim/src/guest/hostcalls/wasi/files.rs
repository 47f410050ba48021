//! Files, of which there are standard output, logged as info, and standard error, logged as error, without one trailing
//! newline.

use wasmtime::{Caller, Linker};

use super::{BADF, FAULT, NOENT, NOSYS, NOTSUP, SUCCESS, always};
use crate::guest::hostcalls::call::{Hostcall, region, wasi};
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;
use crate::model::LogLevel;

pub(super) fn link(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    link_output(linker, module)?;
    // Envoy takes fewer parameters for two of the paths than WASI has.
    always! { linker, module,
        "fd_advise" (u32, u64, u64, u32) SUCCESS;
        "fd_allocate" (u32, u64, u64) SUCCESS;
        "fd_close" (u32) SUCCESS;
        "fd_fdstat_set_flags" (u32, u32) NOSYS;
        "fd_fdstat_set_rights" (u32, u64, u64) SUCCESS;
        "fd_filestat_get" (u32, u32) BADF;
        "fd_filestat_set_size" (u32, u64) SUCCESS;
        "fd_filestat_set_times" (u32, u64, u64, u32) SUCCESS;
        "fd_pread" (u32, u32, u32, u64, u32) NOSYS;
        "fd_prestat_get" (u32, u32) BADF;
        "fd_prestat_dir_name" (u32, u32, u32) NOSYS;
        "fd_read" (u32, u32, u32, u32) NOSYS;
        "fd_readdir" (u32, u32, u32, u64, u32) FAULT;
        "fd_renumber" (u32, u32) BADF;
        "fd_seek" (u32, u64, u32, u32) SUCCESS;
        "path_create_directory" (u32, u32, u32) NOTSUP;
        "path_filestat_get" (u32, u32, u32, u32, u32) NOTSUP;
        "path_filestat_set_times" (u32, u32, u32, u32, u64, u64, u32) NOTSUP;
        "path_link" (u32, u32, u32, u32, u32, u32) NOTSUP;
        "path_open" (u32, u32, u32, u32, u32, u64, u64, u32, u32) NOENT;
        "path_readlink" (u32, u32, u32, u32, u32, u32) NOTSUP;
        "path_remove_directory" (u32, u32, u32) NOTSUP;
        "path_rename" (u32, u32, u32, u32, u32, u32) NOTSUP;
        "path_symlink" (u32, u32, u32, u32) NOTSUP;
        "path_unlink_file" (u32, u32, u32) NOTSUP;
        "sock_accept" (u32, u32, u32) NOTSUP;
        "sock_recv" (u32, u32, u32, u32, u32, u32) NOTSUP;
        "sock_send" (u32, u32, u32, u32, u32) NOTSUP;
        "sock_shutdown" (u32, u32) NOTSUP;
    }
    Ok(())
}

fn link_output(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |caller: Caller<'_, VmState>, fd: u32, vectors: u32, count: u32, written: u32| {
            wasi(caller, "fd_write", |call| {
                write(call, fd, vectors, count, written)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_pwrite",
        |caller: Caller<'_, VmState>, fd: u32, vectors: u32, count: u32, _: u64, written: u32| {
            wasi(caller, "fd_pwrite", |call| {
                write(call, fd, vectors, count, written)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_fdstat_get",
        |caller: Caller<'_, VmState>, fd: u32, stat: u32| {
            wasi(caller, "fd_fdstat_get", |call| {
                if level_of(fd).is_none() {
                    return Ok(BADF);
                }
                // 24 bytes, of which the base rights say "may write".
                let words = [0_u64, 64, 0].map(u64::to_le_bytes);
                call.write(stat, words.as_flattened())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_tell",
        |caller: Caller<'_, VmState>, fd: u32, offset: u32| {
            wasi(caller, "fd_tell", |call| {
                if level_of(fd).is_none() {
                    return Ok(BADF);
                }
                call.write(offset, &0_u64.to_le_bytes())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(module, "fd_sync", |caller: Caller<'_, VmState>, fd: u32| {
        wasi(caller, "fd_sync", |_| Ok(flushed(fd)))
    })?;
    linker.func_wrap(
        module,
        "fd_datasync",
        |caller: Caller<'_, VmState>, fd: u32| wasi(caller, "fd_datasync", |_| Ok(flushed(fd))),
    )?;
    Ok(())
}

fn level_of(fd: u32) -> Option<LogLevel> {
    match fd {
        1 => Some(LogLevel::Info),
        2 => Some(LogLevel::Error),
        _ => None,
    }
}

fn flushed(fd: u32) -> u32 {
    level_of(fd).map_or(BADF, |_| SUCCESS)
}

fn write(
    call: &mut Hostcall<'_>,
    fd: u32,
    vectors: u32,
    count: u32,
    written: u32,
) -> Result<u32, Failure> {
    call.argument(fd);
    let Some(level) = level_of(fd) else {
        return Ok(BADF);
    };
    let bytes = gather(call, vectors, count)?;
    if !bytes.is_empty() {
        let text = String::from_utf8_lossy(&bytes);
        call.argument(format_args!("{text:?}"));
        let line = text.strip_suffix('\n').unwrap_or(&text);
        call.state().host.log(level, line.to_owned());
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    call.write(written, &length.to_le_bytes())?;
    Ok(SUCCESS)
}

/// The bytes of a list of (pointer, length) pairs.
fn gather(call: &mut Hostcall<'_>, vectors: u32, count: u32) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut at = vectors;
    for _ in 0..count {
        let vector = call.read(region(at, 8))?;
        let (pointer, length) = vector.split_at_checked(4).unwrap_or_default();
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or(0);
        bytes.extend(call.read(region(number(pointer), number(length)))?);
        at = at.checked_add(8).ok_or(Refused::NoMemory {
            pointer: at,
            length: 8,
        })?;
    }
    Ok(bytes)
}
