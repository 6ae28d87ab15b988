//! Chains and rules that software writes, not a person.

/// The beginnings of chain names that software writes and rewrites by itself. Chains of `ufw` and
/// `firewalld` are not here: they say what the administrator told these programs.
const PREFIXES: &[&str] = &[
    "ANTREA-",
    "AWS-CONNMARK-CHAIN-",
    "AWS-SNAT-CHAIN-",
    "AZURE-NPM",
    "AZURECNI",
    "CILIUM_",
    "CNI-",
    "CROWDSEC",
    "DOCKER-",
    "DOCKER_",
    "EGRESSGATEWAY-",
    "FLANNEL-",
    "IP-MASQ",
    "ISTIO_",
    "KUBE-",
    "LIBVIRT_",
    "MINIUPNPD",
    "NETAVARK",
    "OLD_CILIUM_",
    "OVN-KUBE-",
    "PODMAN-",
    "PROXY_INIT_",
    "WEAVE-",
    "cali-",
    "f2b-",
    "fail2ban-",
    "felix-",
    "libvirt-",
    "neutron-",
    "nm-sh-",
    "nova-",
];

/// Whole names.
const NAMES: &[&str] = &[
    "DOCKER",
    "WEAVE",
    "sshguard",
    "ts-forward",
    "ts-input",
    "ts-postrouting",
];

/// Chains with such a name that the administrator writes all the same.
const OWN: &[&str] = &["CNI-ADMIN", "DOCKER-USER"];

/// The beginnings of comments by which software marks its rules in the administrator's chains.
const COMMENTS: &[&str] = &[
    "AWS, ",
    "NodeLocal DNS Cache",
    "cali:",
    "cilium-feeder:",
    "flanneld ",
    "generated for LXD network ",
    "nm-shared-",
];

/// Whether software writes the chain of this name.
pub(in crate::dialect::iptables) fn is_generated(chain: &str) -> bool {
    !OWN.contains(&chain)
        && (NAMES.contains(&chain) || PREFIXES.iter().any(|prefix| chain.starts_with(prefix)))
}

/// Whether software marks its rules with such a comment: Calico's Felix writes `cali:` and a hash.
pub(in crate::dialect::iptables) fn is_generated_comment(comment: &str) -> bool {
    COMMENTS.iter().any(|prefix| comment.starts_with(prefix))
}

/// Whether a rule (the words behind the chain's name) is one that Docker writes into FORWARD for
/// each of its bridges.
pub(in crate::dialect::iptables) fn is_generated_rule(words: &[&str]) -> bool {
    match words {
        [
            "-o",
            bridge,
            "-m",
            "conntrack",
            "--ctstate",
            "RELATED,ESTABLISHED",
            "-j",
            "ACCEPT",
        ] => is_bridge(bridge),
        ["-i", bridge, "!", "-o", other, "-j", "ACCEPT"]
        | ["-i", bridge, "-o", other, "-j", "ACCEPT" | "DROP"] => {
            bridge == other && is_bridge(bridge)
        }
        _ => false,
    }
}

/// `docker0`, or `br-` and the beginning of a network's id.
fn is_bridge(name: &str) -> bool {
    let id = name.strip_prefix("br-").unwrap_or("");
    name == "docker0" || (id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_rules_of_software() {
        let names = "DOCKER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2 DOCKER-FORWARD \
            DOCKER-BRIDGE DOCKER-CT DOCKER-INTERNAL DOCKER-INGRESS DOCKER_OUTPUT KUBE-FIREWALL \
            KUBE-IPTABLES-HINT KUBE-KUBELET-CANARY KUBE-PROXY-CANARY KUBE-SVC-ABCDEFGH \
            KUBE-SEP-ABCDEFGH KUBE-ROUTER-INPUT KUBE-NWPLCY-X KUBE-POD-FW-X cali-INPUT \
            cali-fw-cali0123456789a CILIUM_INPUT OLD_CILIUM_INPUT FLANNEL-FWD CNI-FORWARD \
            CNI-HOSTPORT-DNAT ISTIO_REDIRECT LIBVIRT_INP NETAVARK_FORWARD NETAVARK-ISOLATION-1 \
            f2b-sshd fail2ban-ssh";
        for name in names.split_whitespace() {
            assert!(is_generated(name), "{name}");
        }
        for name in
            "INPUT DOCKER-USER CNI-ADMIN DOCKERS ufw-user-input IN_public KUBE web".split(' ')
        {
            assert!(!is_generated(name), "{name}");
        }
        let rule = |text: &str| is_generated_rule(&text.split(' ').collect::<Vec<_>>());
        assert!(rule("-i docker0 ! -o docker0 -j ACCEPT"));
        assert!(rule("-i br-0123456789ab -o br-0123456789ab -j ACCEPT"));
        assert!(rule(
            "-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ));
        assert!(!rule("-i br-lan ! -o br-lan -j ACCEPT"));
        assert!(!rule("-i docker0 -o eth0 -j ACCEPT"));
    }
}
