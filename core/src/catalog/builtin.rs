//! The catalogues that are embedded in the engine.

/// Name and text of every built-in catalogue, in the order of their names.
const BUILTIN: &[(&str, &str)] = &[
    ("calico", include_str!("../../catalogs/calico.yaml")),
    ("cilium", include_str!("../../catalogs/cilium.yaml")),
    ("dce", include_str!("../../catalogs/dce.yaml")),
    ("flannel", include_str!("../../catalogs/flannel.yaml")),
    ("insight", include_str!("../../catalogs/insight.yaml")),
    ("istio", include_str!("../../catalogs/istio.yaml")),
    ("kube-vip", include_str!("../../catalogs/kube-vip.yaml")),
    ("kubernetes", include_str!("../../catalogs/kubernetes.yaml")),
    ("metallb", include_str!("../../catalogs/metallb.yaml")),
    ("spiderpool", include_str!("../../catalogs/spiderpool.yaml")),
];

/// Names of the built-in catalogues, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|&(name, _)| name)
}

/// YAML text of the built-in catalogue with this name.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    BUILTIN
        .iter()
        .find(|&&(known, _)| known == name)
        .map(|&(_, text)| text)
}
