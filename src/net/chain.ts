import { decodeHook, decodeTcMessage, encodeHook, encodeTcMessage, type TcHook } from './tcmsg.ts';

/** A chain of filters, in RTM_NEWCHAIN, RTM_DELCHAIN and RTM_GETCHAIN. */
export interface Chain extends TcHook {
  /** `undefined` in a request: chain 0, or in one for a dump all. */
  readonly chain?: number | undefined;
  /** The only kind of filter that it takes; such a template is not for kind `bpf`. */
  readonly kind?: string | undefined;
}

export function encodeChain(chain: Chain): Uint8Array {
  return encodeTcMessage({
    ...encodeHook(chain),
    handle: 0,
    info: 0,
    attributes: { TCA_KIND: chain.kind, TCA_CHAIN: chain.chain },
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeChain(payload: Uint8Array): Chain {
  const message = decodeTcMessage(payload);
  const { TCA_CHAIN: chain, TCA_KIND: kind } = message.attributes;
  return { ...decodeHook(message), chain, kind };
}
