//! Names of variables that Kubespray, Kubean and Ansible know.

/// Variables that are read elsewhere, or that have no effect on what must be reachable. Known so
/// that they are not taken for misspellings, and so that misspellings of them are found.
pub(super) const KNOWN: &str = "\
    access_ip access_ip6 ansible_become ansible_become_password ansible_connection \
    ansible_host ansible_password ansible_port ansible_ssh_common_args ansible_ssh_host \
    ansible_ssh_pass ansible_ssh_port ansible_ssh_private_key_file ansible_user \
    auto_renew_certificates calico_apiserver_enabled calico_bpf_enabled calico_cni_name \
    calico_datastore calico_endpoint_to_host_action calico_felix_chaininsertmode \
    calico_felix_floating_ips calico_felix_log_severity_screen calico_felix_mtu_iface_pattern \
    calico_felix_prometheusgometricsenabled calico_felix_prometheusmetricsport \
    calico_felix_prometheusprocessmetricsenabled calico_ip6_auto_method calico_ip_auto_method \
    calico_ipam_host_local calico_ipip_mode calico_ipip_mode_ipv6 calico_iptables_backend \
    calico_mtu calico_network_backend calico_node_extra_envs calico_pool_blocksize \
    calico_pool_cidr calico_pool_cidr_ipv6 calico_pool_name calico_rr_id \
    calico_use_default_route_src_ipaddr calico_version calico_veth_mtu calico_vxlan_mode \
    calico_vxlan_mode_ipv6 calico_vxlan_port calico_vxlan_vni cilium_agent_health_port \
    cilium_cluster_id cilium_cluster_name cilium_debug cilium_enable_bgp_control_plane \
    cilium_enable_host_firewall cilium_enable_hubble_ui cilium_enable_ipv4 cilium_enable_ipv6 \
    cilium_encryption_enabled cilium_encryption_type cilium_hubble_install \
    cilium_hubble_metrics cilium_hubble_tls_generate cilium_identity_allocation_mode \
    cilium_ipam_mode cilium_ipsec_node_encryption cilium_kube_proxy_replacement \
    cilium_l2announcements cilium_loadbalancer_mode cilium_mtu cilium_native_routing_cidr \
    cilium_native_routing_cidr_ipv6 cilium_operator_replicas cilium_tunnel_mode cilium_version \
    cluster_name container_manager containerd_insecure_registries \
    containerd_registries_mirrors dashboard_enabled dns_domain dns_mode \
    docker_insecure_registries download_run_once enable_coredns_k8s_external \
    enable_dns_autoscaler enable_dual_stack_networks enable_nodelocaldns_secondary \
    etcd_address etcd_data_dir etcd_deployment_type etcd_listen_metrics_urls etcd_member_name \
    etcd_version flannel_backend_directrouting flannel_interface flannel_vxlan_vni \
    helm_enabled http_proxy https_proxy ingress_nginx_enabled ingress_nginx_host_network \
    kube_apiserver_bind_address kube_apiserver_ip kube_controller_manager_bind_address \
    kube_image_repo kube_network_node_prefix kube_network_plugin kube_network_plugin_multus \
    kube_ovn_version kube_owner kube_proxy_healthz_bind_address \
    kube_proxy_metrics_bind_address kube_proxy_mode kube_proxy_nodeport_addresses \
    kube_proxy_remove kube_proxy_strict_arp kube_scheduler_bind_address kube_version \
    kube_vip_address kube_vip_arp_enabled kube_vip_bgp_enabled kube_vip_controlplane_enabled \
    kube_vip_interface kube_vip_lb_enable kube_vip_services_enabled kubeadm_config_api_version \
    kubeconfig_localhost kubelet_healthz_bind_address kubelet_healthz_port kubelet_max_pods \
    kubernetes_audit loadbalancer_apiserver loadbalancer_apiserver_port \
    loadbalancer_apiserver_type local_release_dir manual_dns_server metallb_auto_assign \
    metallb_config metallb_enabled metallb_ip_range metallb_namespace metallb_peers \
    metallb_speaker_enabled metallb_version metrics_server_enabled no_proxy \
    nodelocaldns_bind_metrics_host_ip nodelocaldns_ip nodelocaldns_second_health_port \
    ntp_enabled ntp_manage_config ntp_timezone override_system_hostname peer_with_calico_rr \
    peer_with_router podsecuritypolicy_enabled preinstall_selinux_state registry_enabled \
    resolvconf_mode searchdomains skip_http_proxy_on_os_packages \
    typha_max_connections_lower_limit typha_prometheusmetricsenabled \
    typha_prometheusmetricsport typha_replicas typha_secure unsafe_show_logs \
    upstream_nameservers use_localhost_as_kubeapi_loadbalancer";
