/** A text of the example, named as the example's own site file names it. */
export interface ExampleText {
  name: string;
  text: string;
}

/** The exports of one host of the example. */
export interface ExampleSystem {
  host: string;
  exports: ExampleText[];
}

const FILES = import.meta.glob<string>('../../examples/dce/**/*.{yaml,iptables,ip6tables,ipset}', { query: '?raw', import: 'default', eager: true });
const TEXTS = Object.entries(FILES).map(([path, text]): ExampleText => ({ name: path.replace('../../examples/dce/', ''), text }));

/** The inventories and the site file. */
export const EXAMPLE_SITE = TEXTS.filter(({ name }) => !name.startsWith('exports/'));

/** The exports by host: each is called after the host that it guards. */
export const EXAMPLE_SYSTEMS = TEXTS.reduce<ExampleSystem[]>((systems, text) => {
  const [, host] = /^exports\/(.+)\.[^.]+$/.exec(text.name) ?? [];
  if (host === undefined) return systems;
  const known = systems.find((system) => system.host === host);
  if (known) known.exports.push(text);
  else systems.push({ host, exports: [text] });
  return systems;
}, []);

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
