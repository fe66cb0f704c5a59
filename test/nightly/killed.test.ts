import { killedAt } from '../acceptance/killed-at.ts';

killedAt(['hold-ports', 'stop-container', 'start-container', 'check-container', 'replace-network']);
