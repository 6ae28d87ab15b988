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
