/** A value that survives JSON: what specs, parts and reports are made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
