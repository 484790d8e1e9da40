//! What a rendering process can still reach once it reads hostile bytes: its own files and nothing else.
//!
//! Landlock bounds the files, the ports and the processes that it can name; seccomp bounds the system calls that it can make.
//! A kernel that lacks one of them leaves that part open, which [`Confinement`] tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp as CmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde::{Deserialize, Serialize};

use crate::pipeline;
use crate::spec::RenderSpec;

/// The newest landlock whose rights are asked for: Linux 6.12. Older ones give what they have.
const LANDLOCK: ABI = ABI::V6;

/// How far a bound holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// All of it holds.
    Fully,
    /// Some of it holds; the kernel is older than the rest.
    Partly,
    /// The kernel does not have it.
    #[default]
    Not,
}

/// What held a rendering process while it read its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// It cannot gain rights by starting a program (`no_new_privs`).
    pub no_new_privileges: bool,
    /// It reads its sources, writes into the folders of its outputs, and opens nothing else; it reaches no TCP port and no
    /// process but its own (landlock).
    pub files: Held,
    /// It makes no system call but those that decoding needs: no socket, no program, no process, no tracing (seccomp).
    pub system_calls: Held,
}

impl Confinement {
    /// True if all of it holds.
    pub fn is_whole(&self) -> bool {
        self.no_new_privileges && self.files == Held::Fully && self.system_calls == Held::Fully
    }
}

/// Takes away from the calling thread, and from all that it starts, what `spec` does not need.
///
/// Where a kernel, or the container around it, refuses a bound, the work goes on without it: a message that is not rendered
/// harms its owner more, and what does not hold is told.
pub(super) fn confine(spec: &RenderSpec) -> Confinement {
    Confinement {
        no_new_privileges: forbid_new_privileges(),
        files: bound_files(spec).unwrap_or_default(),
        system_calls: bound_system_calls(),
    }
}

#[expect(unsafe_code, reason = "no library in use offers this call")]
fn forbid_new_privileges() -> bool {
    // SAFETY: the call takes plain numbers and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 }
}

/// Leaves what is sent to a whole group (Ctrl-C, the stop of a unit) to the parent, which ends this process when it ends itself.
#[expect(unsafe_code, reason = "no library in use offers this call")]
pub(super) fn leave_stopping_to_the_parent() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: ignoring a signal runs no code of ours in a handler.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Ends this process by a signal, for tests.
#[cfg(debug_assertions)]
#[expect(unsafe_code, reason = "no library in use offers this call")]
pub(super) fn raise(signal: i32) {
    // SAFETY: the default action is set first, so that no code of ours runs in a handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

fn bound_files(spec: &RenderSpec) -> Result<Held, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for source in &spec.sources {
        // What cannot be opened here cannot be opened later either, and is told then.
        if let Ok(file) = PathFd::new(&source.path) {
            ruleset = ruleset.add_rule(PathBeneath::new(file, AccessFs::ReadFile))?;
        }
    }
    let written =
        AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let folders: BTreeSet<&Path> = spec.outputs.iter().map(|output| pipeline::folder_of(&output.path)).collect();
    for folder in folders {
        if let Ok(folder) = PathFd::new(folder) {
            ruleset = ruleset.add_rule(PathBeneath::new(folder, written))?;
        }
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Held::Fully,
        RulesetStatus::PartiallyEnforced => Held::Partly,
        RulesetStatus::NotEnforced => Held::Not,
    })
}

/// The system calls that decoding, encoding and the standard library need, whatever their arguments.
///
/// All others fail as on a kernel that does not have them, for which every C library has another way.
const NEEDED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_unlinkat,
    libc::SYS_faccessat,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_ppoll,
];

/// Calls that only older architectures have beside the others.
#[cfg(target_arch = "x86_64")]
const NEEDED_HERE: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_unlink,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_time,
    libc::SYS_getrlimit,
];
#[cfg(not(target_arch = "x86_64"))]
const NEEDED_HERE: &[libc::c_long] = &[];

fn bound_system_calls() -> Held {
    let filter = TargetArch::try_from(std::env::consts::ARCH).and_then(system_calls);
    let is_set = filter.is_ok_and(|filter| seccompiler::apply_filter(&filter).is_ok());
    if is_set { Held::Fully } else { Held::Not }
}

fn system_calls(architecture: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let only_if = |argument, operator, value: u64| {
        Ok(vec![SeccompRule::new(vec![SeccompCondition::new(argument, ArgLen::Dword, operator, value)?])?])
    };
    // Memory is never made executable: all code is there before the first hostile byte.
    let not_executable = || only_if(2, CmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);
    let this_process = u64::from(std::process::id());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        NEEDED.iter().chain(NEEDED_HERE).map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_mmap, not_executable()?);
    rules.insert(libc::SYS_mprotect, not_executable()?);
    // Threads, but no processes; without `clone3`, whose flags no filter sees, C libraries use this call.
    rules.insert(libc::SYS_clone, only_if(0, CmpOp::MaskedEq(libc::CLONE_THREAD as u64), libc::CLONE_THREAD as u64)?);
    // Names of threads.
    rules.insert(libc::SYS_prctl, only_if(0, CmpOp::Eq, libc::PR_SET_NAME as u64)?);
    // Signals and limits of its own.
    rules.insert(libc::SYS_tgkill, only_if(0, CmpOp::Eq, this_process)?);
    rules.insert(libc::SYS_prlimit64, only_if(0, CmpOp::Eq, 0)?);
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_three_bounds_are_the_whole() {
        let whole = Confinement { no_new_privileges: true, files: Held::Fully, system_calls: Held::Fully };
        assert!(whole.is_whole());
        for less in [
            Confinement { no_new_privileges: false, ..whole },
            Confinement { files: Held::Partly, ..whole },
            Confinement { system_calls: Held::Not, ..whole },
        ] {
            assert!(!less.is_whole(), "{less:?}");
        }
    }
}
