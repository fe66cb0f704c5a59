import { defined } from '../../../model/defined.ts';
import { checkDependencies, markJobs, readDependsOn } from '../depends-on.ts';
import { readHooks } from '../hooks.ts';
import { type ComposeArea, readKey } from './service.ts';

/** What starts after what, jobs, and the programs that run after a start and before a stop. */
export const orderArea: ComposeArea = {
  read: (service, draft) => ({
    ...draft,
    ...defined({
      dependsOn: readKey(service, 'depends_on', readDependsOn),
      hooks: readHooks(service.entries, service.file.context),
    }),
  }),
  finish: (services, { names }) => {
    const drafts = markJobs(
      checkDependencies(
        services.map(({ draft }) => draft),
        names,
      ),
      'compose',
    );
    return services.map((one, at) => ({ ...one, draft: drafts[at] ?? one.draft }));
  },
};
