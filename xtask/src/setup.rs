//! What the tasks need from the system, and how it gets there.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::shell::{Shell, find_program};
use crate::{wasm, web};

/// One thing that the system must provide.
#[derive(Clone, Copy)]
pub struct Package {
    /// Its name in Debian and Ubuntu.
    pub debian: &'static str,
    /// Programs or files: any one of them shows that it is there.
    pub shown_by: &'static [&'static str],
    /// What to do where there is no apt-get.
    pub elsewhere: &'static str,
}

/// A set of packages that tasks name together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Node.js and npm.
    Node,
    /// A compiler with a standard library for wasm32-unknown-unknown.
    Wasm,
    /// Chromium and a font with Chinese characters.
    Browser,
    /// Packet filters of a live kernel, and the right to use them.
    Kernel,
    /// A C++ compiler, for the fuzzer's engine.
    Cxx,
    /// Python with virtual environments, for Ansible and for the peers of a comparison.
    Python,
    /// Programs of OpenSSH, for hosts that Ansible logs in to.
    Sshd,
    /// A peer of the live probes.
    Nmap,
}
pub use Need::{
    Browser as BROWSER, Cxx as CXX, Kernel as KERNEL, Nmap as NMAP, Node as NODE, Python as PYTHON,
    Sshd as SSHD, Wasm as WASM,
};

const NODE_PACKAGES: &[Package] = &[
    Package {
        debian: "nodejs",
        shown_by: &["node"],
        elsewhere: "install Node.js 20.19 or newer (Fedora: `dnf install nodejs`; macOS: `brew install node`)",
    },
    Package {
        debian: "npm",
        shown_by: &["npm"],
        elsewhere: "install npm (it comes with Node.js)",
    },
];

const BROWSER_PACKAGES: &[Package] = &[
    Package {
        debian: "chromium",
        shown_by: web::BROWSERS,
        elsewhere: "install Chromium (Fedora: `dnf install chromium`; macOS: `brew install --cask chromium`), or set CHROMIUM to the program's path",
    },
    Package {
        debian: "fonts-noto-cjk",
        shown_by: &[
            "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
            "/usr/share/fonts/google-noto-sans-cjk-fonts",
            "/System/Library/Fonts/PingFang.ttc",
        ],
        elsewhere: "install a font with Chinese characters (Fedora: `dnf install google-noto-sans-cjk-fonts`)",
    },
];

const KERNEL_PACKAGES: &[Package] = &[
    Package {
        debian: "iptables",
        shown_by: &["iptables"],
        elsewhere: "install iptables (Fedora: `dnf install iptables-nft`); Linux only",
    },
    Package {
        debian: "nftables",
        shown_by: &["nft"],
        elsewhere: "install nftables (Fedora: `dnf install nftables`); Linux only",
    },
    Package {
        debian: "ipset",
        shown_by: &["ipset"],
        elsewhere: "install ipset (Fedora: `dnf install ipset`); Linux only",
    },
    Package {
        debian: "iproute2",
        shown_by: &["ip"],
        elsewhere: "install iproute2 (Fedora: `dnf install iproute`); Linux only",
    },
];

const CXX_PACKAGES: &[Package] = &[Package {
    debian: "g++",
    shown_by: &["c++"],
    elsewhere: "install a C++ compiler (Fedora: `dnf install gcc-c++`; macOS: `xcode-select --install`)",
}];

const PYTHON_PACKAGES: &[Package] = &[
    Package {
        debian: "python3",
        shown_by: &["python3"],
        elsewhere: "install Python 3.10 or newer (Fedora: `dnf install python3`; macOS: `brew install python`)",
    },
    Package {
        debian: "python3-venv",
        shown_by: &[
            "/var/lib/dpkg/info/python3-venv.list",
            "/etc/fedora-release",
            "/System",
        ],
        elsewhere: "install Python's module venv",
    },
];

const SSHD_PACKAGES: &[Package] = &[
    Package {
        debian: "openssh-client",
        shown_by: &["ssh"],
        elsewhere: "install OpenSSH's client (Fedora: `dnf install openssh-clients`)",
    },
    Package {
        debian: "openssh-server",
        shown_by: &["sshd"],
        elsewhere: "install OpenSSH's server yourself (`apt-get install openssh-server`, `dnf install openssh-server`): a system with systemd starts it at once, so this does not",
    },
];

const NMAP_PACKAGES: &[Package] = &[Package {
    debian: "nmap",
    shown_by: &["nmap"],
    elsewhere: "install nmap (Fedora: `dnf install nmap`; macOS: `brew install nmap`)",
}];

impl Need {
    fn packages(self, shell: &Shell) -> Vec<Package> {
        match self {
            Self::Node => NODE_PACKAGES.to_vec(),
            Self::Wasm => wasm::packages(shell),
            Self::Browser if std::env::var_os("CHROMIUM").is_some() => {
                BROWSER_PACKAGES[1..].to_vec()
            }
            Self::Browser => BROWSER_PACKAGES.to_vec(),
            Self::Kernel => KERNEL_PACKAGES.to_vec(),
            Self::Cxx => CXX_PACKAGES.to_vec(),
            Self::Python => PYTHON_PACKAGES.to_vec(),
            Self::Sshd => SSHD_PACKAGES.to_vec(),
            Self::Nmap => NMAP_PACKAGES.to_vec(),
        }
    }

    /// Whether to leave it to the user: installing a server must not open this machine to others.
    fn is_left_to_the_user(self) -> bool {
        self == Self::Sshd && Path::new("/run/systemd/system").exists()
    }

    /// Why the need is not met, as far as it is not: the caller skips or fails with it.
    pub fn unmet(self, shell: &Shell) -> Option<String> {
        if shell.dry_run {
            return None;
        }
        let mut missing: Vec<_> = self
            .packages(shell)
            .iter()
            .filter(|package| !package.present())
            .map(|package| package.elsewhere)
            .collect();
        missing.dedup();
        if !missing.is_empty() {
            return Some(missing.join("; "));
        }
        match self {
            Self::Node => web::node_too_old(shell),
            Self::Wasm => wasm::Route::choose(shell)
                .err()
                .map(|error| error.to_string()),
            Self::Browser | Self::Cxx | Self::Python | Self::Sshd | Self::Nmap => None,
            Self::Kernel => {
                let may = shell
                    .query(shell.command("unshare").args(["--net", "true"]))
                    .is_some();
                (!may).then(|| "it makes network namespaces and loads rules into them: run it as root, where that is allowed".to_owned())
            }
        }
    }
}

impl Package {
    /// Whether it is there.
    pub fn present(&self) -> bool {
        self.shown_by.iter().any(|sign| {
            if sign.starts_with('/') {
                Path::new(sign).exists()
            } else {
                find_program(sign).is_some()
            }
        })
    }
}

/// Installs what the needs lack, as far as this system and these rights allow; a need that cannot
/// be met is reported and does not hold up the others.
pub fn install(shell: &Shell, needs: &[Need]) -> Result<()> {
    if needs.contains(&Need::Wasm) {
        wasm::add_target(shell)?;
    }
    let mut all = Vec::new();
    let mut missing: Vec<Vec<&'static str>> = Vec::new();
    for need in needs.iter().filter(|need| !need.is_left_to_the_user()) {
        let packages = need
            .packages(shell)
            .into_iter()
            .filter(|package| !package.present() && !all.contains(&package.debian));
        let names: Vec<_> = packages.map(|package| package.debian).collect();
        all.extend(&names);
        missing.push(names);
    }
    missing.retain(|names| !names.is_empty());
    if missing.is_empty() {
        return Ok(());
    }
    let names = all.join(" ");
    if find_program("apt-get").is_none() {
        eprintln!(
            "missing here: {names} (Debian's names); there is no apt-get to install them with"
        );
        return Ok(());
    }
    let sudo = if is_root(shell) {
        false
    } else if shell
        .query(shell.command("sudo").args(["-n", "true"]))
        .is_some()
    {
        true
    } else {
        eprintln!(
            "missing here, and only root can install it; run: sudo apt-get install --no-install-recommends {names}"
        );
        return Ok(());
    };
    eprintln!("installing what is missing: {names}");
    apt(shell, sudo, &["update", "-qq"])?;
    for names in missing {
        // `--no-remove`: rather fail than take away a package that conflicts.
        let install = [
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "--no-remove",
        ];
        if let Err(error) = apt(shell, sudo, &[&install, names.as_slice()].concat()) {
            eprintln!("could not install {}: {error:#}", names.join(" "));
        }
    }
    Ok(())
}

/// Installs what the needs lack; what is still lacking then is an error.
pub fn require(shell: &Shell, needs: &[Need]) -> Result<()> {
    install(shell, needs)?;
    let unmet: Vec<_> = needs.iter().filter_map(|need| need.unmet(shell)).collect();
    if unmet.is_empty() {
        Ok(())
    } else {
        bail!("something is missing: {}", unmet.join("; "))
    }
}

fn apt(shell: &Shell, sudo: bool, args: &[&str]) -> Result<()> {
    let mut command = shell.command(if sudo { "sudo" } else { "env" });
    command.args(if sudo { ["-n", "env"].as_slice() } else { &[] });
    // Thousands of lines of unpacking are of no use: only errors are shown.
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(args)
        .stdout(Stdio::null());
    shell.run(&mut command)
}

fn is_root(shell: &Shell) -> bool {
    shell
        .query(shell.command("id").arg("-u"))
        .is_some_and(|id| id == "0")
}
