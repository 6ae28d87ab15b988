/** A first inventory to write on from. */
export const TEMPLATE = `apiVersion: provision.daocloud.io/v1alpha4
kind: ClusterConfig
spec:
  clusterName: my-cluster
  loadBalancer:
    type: metallb
    istioGatewayVip: 10.0.0.10/32
    insightVip: 10.0.0.11/32
  masterNodes:
    - nodeName: g-master1
      ip: 10.0.0.1
    - nodeName: g-master2
      ip: 10.0.0.2
    - nodeName: g-master3
      ip: 10.0.0.3
  network:
    cni: calico
    clusterCIDR: 10.233.64.0/18
    serviceCIDR: 10.233.0.0/18
`;
