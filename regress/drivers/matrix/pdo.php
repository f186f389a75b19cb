<?php
// The matrix by PHP's PDO, and by its pgsql functions what PDO has no words for; a process for each connection: see README.md.

function work(int $who, $out): void
{
    $say = fn (string $step, ...$results) => fprintf($out, "%02d %s: %s\n", $who, $step, implode(' ', $results));
    $c = new PDO('pgsql:host=' . getenv('PGHOST') . ';port=' . getenv('PGPORT') . ';dbname=' . getenv('PGDATABASE'), getenv('PGUSER'));
    $c->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
    $one = function (string $text, ...$values) use ($c) {
        $s = $c->prepare($text);
        $s->execute($values);
        return $s->fetchColumn();
    };
    $failing = function (string $text) use ($c) {
        try {
            $c->exec($text);
        } catch (PDOException $e) {
            return $e->getCode();
        }
    };

    $plus = $c->prepare('select ?::int + ?::int');
    $sum = function (int $n) use ($plus, $who) {
        $plus->execute([$who, $n]);
        return $plus->fetchColumn();
    };
    $say('prepared', $sum(0), $sum(1), $sum(2));

    $c->beginTransaction();
    $c->prepare("insert into ledger values (?, 'kept')")->execute([$who]);
    $c->exec('savepoint here');
    $code = $failing('select 1 / 0');
    $c->exec('rollback to here');
    $c->prepare("insert into ledger values (?, 'kept')")->execute([$who]);
    $c->commit();
    $c->beginTransaction();
    $c->prepare("insert into ledger values (?, 'gone')")->execute([$who]);
    $c->rollBack();
    $say('transaction', $code, $one('select count(*) from ledger where who = ?', $who));

    $c->exec("set app.tag = 'tag $who'");
    $c->exec("set timezone = 'Etc/GMT+$who'");
    $c->exec('create temporary table scratch (v int)');
    $c->prepare('insert into scratch values (?), (?)')->execute([$who, $who]);
    $say('temporary', $one('select sum(v) from scratch'));
    $c->exec('drop table scratch');

    $taken = var_export($one('select pg_try_advisory_lock(?)', 4200 + $who), true);
    $say('advisory', $taken, var_export($one('select pg_advisory_unlock(?)', 4200 + $who), true));

    $c->exec("listen channel_$who");
    $c->exec("notify channel_$who, 'hello $who'");
    $say('listen', $c->pgsqlGetNotify(PDO::FETCH_ASSOC, 10000)['payload']);
    $c->exec("unlisten channel_$who");

    $c->pgsqlCopyFromArray('ledger', array_fill(0, 100, "$who\tcopied"));
    $say('copy', $one("select count(*) from ledger where who = ? and what = 'copied'", $who), count($c->pgsqlCopyToArray('ledger')) > 100 ? 'out' : '');

    $p = pg_connect('', PGSQL_CONNECT_FORCE_NEW);
    pg_send_query($p, 'select pg_sleep(30)');
    usleep(200000);
    pg_cancel_query($p);
    $say('cancel', pg_fetch_result(pg_query($p, 'select 1'), 0));
    pg_close($p);

    $all = $c->query("select repeat('x', 100) from generate_series(1, 20000)")->fetchAll(PDO::FETCH_COLUMN);
    $say('large', count($all), strlen(implode('', $all)));
    $say('settings', $one('show app.tag'), $one('show timezone'));
    $say('prepared again', $sum(100));
}

if (isset($argv[2])) {
    work((int) $argv[2], STDOUT);
    exit(0);
}
$bad = 0;
$lines = $children = $outputs = [];
for ($who = 0; $who < (int) $argv[1]; $who++) {
    $children[] = proc_open([PHP_BINARY, __FILE__, $argv[1], (string) $who], [1 => ['pipe', 'w'], 2 => STDERR], $pipes);
    $outputs[] = $pipes[1];
}
foreach ($outputs as $output) {
    $lines = array_merge($lines, explode("\n", trim(stream_get_contents($output))));
}
foreach ($children as $child) {
    $bad |= proc_close($child);
}
sort($lines);
echo implode("\n", $lines), "\n";
exit($bad ? 1 : 0);
