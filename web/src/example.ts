/** A file of the example platform. */
export interface ExampleFile {
  name: string;
  text: string;
  place: 'inventory' | 'exports';
  /** The host that an export guards. */
  host?: string;
}

const TEXTS = import.meta.glob<string>('../../examples/dce/**/*.{yaml,yml,ini,csv,json,iptables,ip6tables,ipset}', {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** The example as it is in examples/dce: what lies in exports/ is named after the host that it guards. */
export const EXAMPLE: ExampleFile[] = Object.entries(TEXTS).map(([path, text]) => {
  const [, folder, name = path] = /(exports\/)?([^/]+)$/.exec(path) ?? [];
  return folder ? { name, text, place: 'exports', host: name.replace(/\.[^.]+$/, '') } : { name, text, place: 'inventory' };
});

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
