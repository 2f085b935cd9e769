// The pages beside the four that everybody needs, with what each is for.
import type { View } from './route';
import type { Word } from './words';

interface Page {
  href: string;
  word: Word;
  more: Word;
  views: readonly View[];
}

export const MORE_PAGES: readonly Page[] = [
  { href: '#/planned', word: 'planned_title', more: 'planned_more', views: ['planned'] },
  { href: '#/handovers', word: 'handovers', more: 'handovers_more', views: ['handovers', 'handover'] },
  { href: '#/service-report', word: 'service_report', more: 'service_report_more', views: ['service-report'] },
  { href: '#/connections', word: 'connections', more: 'connections_more', views: ['connections'] },
];
