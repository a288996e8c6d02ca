import type { Layout, LayoutName, LayoutOptions } from './layout.ts';
import { typedLayout } from './typed.ts';
import { weaviateLayout } from './weaviate.ts';

export function layoutNamed(name: LayoutName, options: LayoutOptions): Layout {
  return name === 'typed' ? typedLayout(options) : weaviateLayout(options);
}
