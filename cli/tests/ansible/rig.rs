//! Hosts with sshd, each in a network of its own behind one router, and a bare control node.

use crate::namespace::Namespace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where sshd puts those who have not logged in yet; it insists. The system makes it when it
/// starts sshd; it stays, because hosts of other tests use it, too.
const EMPTY: &str = "/run/sshd";

/// A host that Ansible can log in to.
pub struct Host {
    pub network: Namespace,
    /// What stands for its own files.
    pub folder: PathBuf,
    sshd: Child,
}

/// Everything.
pub struct Rig {
    pub folder: PathBuf,
    pub router: Namespace,
    pub control: Namespace,
    pub hosts: Vec<Host>,
}

/// How a playbook ended.
pub struct Played {
    pub code: Option<i32>,
    pub text: String,
    pub took: Duration,
}

impl Rig {
    /// Hosts of these names: the first has 10.88.1.2. There is a network for one more, without a
    /// host in it.
    pub fn new(test: &str, names: &[&'static str]) -> Self {
        let name = format!("portwright-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("control")).expect("a folder");
        fs::create_dir_all(EMPTY).expect("a folder");
        keygen(&folder.join("key"));
        fs::copy(folder.join("key.pub"), folder.join("authorized")).expect("a key");
        let router = Namespace::new("router");
        router.set("net/ipv4/ip_forward", "1");
        let control = Namespace::new("control");
        connect(&router, &control, 100);
        let hosts = names.iter().zip(1..);
        let hosts = hosts.map(|(name, at)| {
            let network = Namespace::new(name);
            connect(&router, &network, at);
            start(network, &folder)
        });
        let hosts: Vec<Host> = hosts.collect();
        let spare = names.len() + 1;
        router.ip(&format!(
            "link add spare type veth peer name nobody\naddr add 10.88.{spare}.1/24 dev spare\n\
             link set spare up\nlink set nobody up\n"
        ));
        Self {
            folder,
            router,
            control,
            hosts,
        }
    }

    /// Runs a playbook of the collection on the control node.
    pub fn play(&self, playbook: &str, inventory: &str, options: &[&str]) -> Played {
        let home = self.folder.join("control");
        let setting = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set"));
        let bin = setting("PORTWRIGHT_PYTHON");
        fs::write(home.join("inventory.ini"), inventory).expect("written");
        let mut command = Command::new(Path::new(&bin).join("ansible-playbook"));
        command
            .args(["-i", "inventory.ini", playbook])
            .args(options)
            .current_dir(&home)
            .env_clear()
            .env("PATH", format!("{bin}:/usr/bin:/bin"))
            .env("PWD", &home)
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8")
            .env("ANSIBLE_COLLECTIONS_PATH", setting("PORTWRIGHT_ANSIBLE"))
            .env("ANSIBLE_HOME", home.join("home"))
            .env("ANSIBLE_FORKS", "10")
            .env("ANSIBLE_TIMEOUT", "5")
            .env("ANSIBLE_SSH_ARGS", self.ssh_arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let output = self.control.spawn(&mut command).wait_with_output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.expect("it ends");
        Played {
            code: status.code(),
            text: format!(
                "{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ),
            took: started.elapsed(),
        }
    }

    fn ssh_arguments(&self) -> String {
        let folder = self.folder.display();
        format!(
            "-o ControlMaster=auto -o ControlPersist=30s -o IdentitiesOnly=yes -i {folder}/key \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known_hosts"
        )
    }

    /// An inventory as Kubespray has it. The interpreter shows that none is needed.
    pub fn inventory(&self, away: &[&str]) -> String {
        let mut text = String::from("[all]\n");
        let names = self.hosts.iter().map(|host| host.network.name);
        let names: Vec<&str> = names.chain(away.iter().copied()).collect();
        for (name, at) in names.iter().zip(1..) {
            let folder = self.folder.display();
            text += &format!(
                "{name} ansible_host=10.88.{at}.2 ip=10.88.{at}.2 ansible_user=root \
                 ansible_remote_tmp={folder}/{name}/tmp ansible_python_interpreter=/nonexistent \
                 ansible_become_password=c4n4ry\n"
            );
        }
        let (first, rest) = names.split_first().expect("hosts");
        text += &format!("[kube_control_plane]\n{first}\n[etcd]\n{first}\n");
        text += &format!("[kube_node]\n{}\n", rest.join("\n"));
        text + "[k8s_cluster:children]\nkube_control_plane\nkube_node\n\
                [k8s_cluster:vars]\nkube_network_plugin=calico\n"
    }

    /// Programs that run on hosts, but for sshd's.
    pub fn programs(&self) -> BTreeSet<String> {
        let networks = self.hosts.iter().map(|host| network(&host.network));
        processes(&networks.collect())
            .into_iter()
            .map(|(_, name)| name)
            .filter(|name| !name.starts_with("sshd"))
            .collect()
    }

    /// Files of hosts, and ports on which something listens there.
    pub fn state(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for host in &self.hosts {
            files(&host.folder, &mut all);
            for table in ["tcp", "tcp6", "udp", "udp6"] {
                let path = format!("/proc/thread-self/net/{table}");
                let text = host.network.enter(|| fs::read_to_string(path));
                for line in text.expect("a table of sockets").lines().skip(1) {
                    let fields: Vec<&str> = line.split_whitespace().collect();
                    // A connection of ssh is none that listens.
                    if matches!(fields.get(3), Some(&"0A" | &"07")) {
                        let name = host.network.name;
                        all.insert(format!("{name} {table} {}", fields.get(1).unwrap_or(&"")));
                    }
                }
            }
        }
        all
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.hosts.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        // Sessions that Ansible keeps for the next task: their other end goes without a word.
        for (pid, _) in processes(&BTreeSet::from([network(&self.network)])) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// What the kernel calls a network.
fn network(of: &Namespace) -> PathBuf {
    fs::read_link(of.path()).expect("a namespace")
}

/// Processes in these networks, with their names.
fn processes(networks: &BTreeSet<PathBuf>) -> Vec<(i32, String)> {
    let all = fs::read_dir("/proc").expect("a table of processes");
    let inside = all.filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        let network = fs::read_link(path.join("ns/net")).ok()?;
        let name = fs::read_to_string(path.join("comm")).ok()?;
        networks
            .contains(&network)
            .then(|| (pid, name.trim().to_owned()))
    });
    inside.collect()
}

fn connect(router: &Namespace, host: &Namespace, at: usize) {
    let name = host.name;
    host.ip(&format!(
        "link add eth0 type veth peer name to-{name} netns {}\n\
         addr add 10.88.{at}.2/24 dev eth0\n\
         link set eth0 up\n\
         route add default via 10.88.{at}.1\n",
        router.path()
    ));
    router.ip(&format!(
        "addr add 10.88.{at}.1/24 dev to-{name}\nlink set to-{name} up\n"
    ));
}

fn start(network: Namespace, folder: &Path) -> Host {
    let own = folder.join(network.name);
    // Ansible makes its own folder for temporary files, once and for all.
    fs::create_dir_all(own.join("tmp")).expect("a folder");
    keygen(&own.join("hostkey"));
    let authorized = folder.join("authorized");
    let config = format!(
        "HostKey {own}/hostkey\nAuthorizedKeysFile {authorized}\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n\
         UseDNS no\nSubsystem sftp internal-sftp\n",
        own = own.display(),
        authorized = authorized.display()
    );
    fs::write(own.join("sshd_config"), config).expect("written");
    let log = File::create(own.join("sshd.log")).expect("a file");
    let mut command = Command::new("/usr/sbin/sshd");
    command
        .args(["-D", "-e", "-f"])
        .arg(own.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let sshd = network.spawn(&mut command);
    let host = Host {
        network,
        folder: own,
        sshd,
    };
    host.wait();
    host
}

impl Host {
    fn wait(&self) {
        let log = || fs::read_to_string(self.folder.join("sshd.log")).unwrap_or_default();
        for _ in 0..200 {
            if log().contains("Server listening on 0.0.0.0") {
                return;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("sshd of {} does not listen: {}", self.network.name, log());
    }
}

fn keygen(path: &Path) {
    let ended = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status();
    assert!(ended.expect("ssh-keygen").success());
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("rights");
}

/// Files below a folder, but for sshd's own log, whose text grows.
fn files(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, all);
        }
        all.insert(path.display().to_string());
    }
}
