# The matrix by DBD::Pg, with a process for each connection: see README.md.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);
use IO::Select;

sub work {
    my ($who, $out) = @_;
    my $say = sub { my $step = shift; printf $out "%02d %s: %s\n", $who, $step, join(' ', @_) };
    my $c = DBI->connect('dbi:Pg:', '', '', { AutoCommit => 1, RaiseError => 1, PrintError => 0, pg_server_prepare => 1 });
    my $one = sub { ($c->selectrow_array(@_))[0] };

    my $plus = $c->prepare('select ?::int + ?::int');
    $plus->{pg_switch_prepared} = 1;
    my $sum = sub { $plus->execute($who, $_[0]); my ($v) = $plus->fetchrow_array; $plus->finish; $v };
    $say->('prepared', map { $sum->($_) } 0 .. 2);

    $c->begin_work;
    $c->do('insert into ledger values (?, ?)', undef, $who, 'kept');
    $c->pg_savepoint('here');
    eval { $c->do('select 1 / 0') };
    my $code = $c->state;
    $c->pg_rollback_to('here');
    $c->do('insert into ledger values (?, ?)', undef, $who, 'kept');
    $c->commit;
    $c->begin_work;
    $c->do('insert into ledger values (?, ?)', undef, $who, 'gone');
    $c->rollback;
    $say->('transaction', $code, $one->('select count(*) from ledger where who = ?', undef, $who));

    $c->do("set app.tag = 'tag $who'");
    $c->do("set timezone = 'Etc/GMT+$who'");
    $c->do('create temporary table scratch (v int)');
    $c->do('insert into scratch values (?), (?)', undef, $who, $who);
    $say->('temporary', $one->('select sum(v) from scratch'));
    $c->do('drop table scratch');

    my $taken = $one->('select pg_try_advisory_lock(?)', undef, 4200 + $who);
    $say->('advisory', $taken, $one->('select pg_advisory_unlock(?)', undef, 4200 + $who));

    $c->do("listen channel_$who");
    $c->do("notify channel_$who, 'hello $who'");
    my $note;
    until ($note = $c->pg_notifies) { IO::Select->new($c->{pg_socket})->can_read(10); $c->ping }
    $say->('listen', $note->[2]);
    $c->do("unlisten channel_$who");

    $c->do('copy ledger from stdin');
    $c->pg_putcopydata("$who\tcopied\n") for 1 .. 100;
    $c->pg_putcopyend;
    $c->do("copy (select * from ledger where who = $who and what = 'copied') to stdout");
    my ($row, $rows) = ('', 0);
    $rows++ while $c->pg_getcopydata($row) >= 0;
    $say->('copy', $rows);

    $c->do('select pg_sleep(30)', { pg_async => PG_ASYNC });
    select undef, undef, undef, 0.2;
    $c->pg_cancel;
    $say->('cancel', $c->state, $one->('select 1'));

    my $all = $c->selectcol_arrayref("select repeat('x', 100) from generate_series(1, 20000)");
    $say->('large', scalar(@$all), length(join '', @$all));
    $say->('settings', $one->('show app.tag'), $one->('show timezone'));
    $say->('prepared again', $sum->(100));
    $c->disconnect;
}

my (@pipes, @lines);
for my $who (0 .. $ARGV[0] - 1) {
    pipe my $in, my $out;
    if (!fork) {
        work($who, $out);
        close $out;
        exit 0;
    }
    close $out;
    push @pipes, $in;
}
push @lines, <$_> for @pipes;
my $bad = 0;
while (wait != -1) { $bad ||= $? }
print sort @lines;
exit($bad ? 1 : 0);
