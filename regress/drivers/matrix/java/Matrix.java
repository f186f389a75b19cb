// The matrix by pgjdbc, with a thread for each connection: see ../README.md.

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Collections;
import java.util.List;
import java.util.ArrayList;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

class Matrix {
    static final List<String> lines = Collections.synchronizedList(new ArrayList<>());

    final int who;
    final Connection c;

    Matrix(int who) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        this.who = who;
        this.c = DriverManager.getConnection(url + "?prepareThreshold=2", System.getenv("PGUSER"), "");
    }

    void say(String step, Object... results) {
        StringBuilder line = new StringBuilder(String.format("%02d %s:", who, step));
        for (Object result : results)
            line.append(' ').append(result);
        lines.add(line.toString());
    }

    String one(String text, Object... values) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(text)) {
            for (int i = 0; i < values.length; i++)
                s.setObject(i + 1, values[i]);
            ResultSet r = s.executeQuery();
            r.next();
            return r.getString(1);
        }
    }

    void run(String text) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(text);
        }
    }

    String failing(String text) {
        try {
            run(text);
            return "no error";
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    void work() throws Exception {
        PreparedStatement plus = c.prepareStatement("select ?::int + ?::int");
        List<Integer> sums = new ArrayList<>();
        for (int n = 0; n < 5; n++)
            sums.add(sum(plus, n));
        say("prepared", sums);

        c.setAutoCommit(false);
        run("insert into ledger values (" + who + ", 'kept')");
        Savepoint here = c.setSavepoint();
        String code = failing("select 1 / 0");
        c.rollback(here);
        run("insert into ledger values (" + who + ", 'kept')");
        c.commit();
        run("insert into ledger values (" + who + ", 'gone')");
        c.rollback();
        c.setAutoCommit(true);
        say("transaction", code, one("select count(*) from ledger where who = ?", who));

        c.setAutoCommit(false);
        PreparedStatement batch = c.prepareStatement("insert into ledger values (?, 'batched')");
        for (int i = 0; i < 50; i++) {
            batch.setInt(1, who);
            batch.addBatch();
        }
        batch.executeBatch();
        c.commit();
        Statement slow = c.createStatement();
        slow.setFetchSize(7);
        ResultSet some = slow.executeQuery("select * from ledger where what = 'batched' and who = " + who);
        int seen = 0;
        while (some.next())
            seen++;
        c.commit();
        c.setAutoCommit(true);
        say("batch", seen);

        run("set app.tag = 'tag " + who + "'");
        run("set timezone = 'Etc/GMT+" + who + "'");
        run("create temporary table scratch (v int)");
        run("insert into scratch values (" + who + "), (" + who + ")");
        say("temporary", one("select sum(v) from scratch"));
        run("drop table scratch");
        say("advisory", one("select pg_try_advisory_lock(?)", 4200 + who), one("select pg_advisory_unlock(?)", 4200 + who));

        PGConnection p = c.unwrap(PGConnection.class);
        run("listen channel_" + who);
        run("notify channel_" + who + ", 'hello " + who + "'");
        PGNotification[] notes = p.getNotifications(10000);
        say("listen", notes[0].getParameter(), notes[0].getPID() == p.getBackendPID());
        run("unlisten channel_" + who);

        CopyManager copy = p.getCopyAPI();
        StringWriter out = new StringWriter();
        say("copy in", copy.copyIn("copy ledger from stdin", new StringReader((who + "\tcopied\n").repeat(100))));
        say("copy out", copy.copyOut("copy (select * from ledger where who = " + who + " and what = 'copied') to stdout", out));

        Statement sleeping = c.createStatement();
        Thread canceller = new Thread(() -> {
            try {
                Thread.sleep(200);
                sleeping.cancel();
            } catch (Exception e) {
                fail(e);
            }
        });
        canceller.start();
        try {
            sleeping.execute("select pg_sleep(30)");
        } catch (SQLException e) {
            say("cancel", e.getSQLState(), one("select 1"));
        }
        canceller.join();

        int rows = 0, length = 0;
        try (Statement s = c.createStatement(); ResultSet all = s.executeQuery("select repeat('x', 100) from generate_series(1, 20000)")) {
            for (; all.next(); rows++)
                length += all.getString(1).length();
        }
        say("large", rows, length);
        say("settings", one("show app.tag"), one("show timezone"));
        say("prepared again", sum(plus, 100));
        c.close();
    }

    int sum(PreparedStatement plus, int n) throws SQLException {
        plus.setInt(1, who);
        plus.setInt(2, n);
        try (ResultSet r = plus.executeQuery()) {
            r.next();
            return r.getInt(1);
        }
    }

    static void fail(Throwable e) {
        e.printStackTrace();
        System.exit(1);
    }

    public static void main(String[] arguments) throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < Integer.parseInt(arguments[0]); i++) {
            int who = i;
            threads.add(new Thread(() -> {
                try {
                    new Matrix(who).work();
                } catch (Throwable e) {
                    fail(e);
                }
            }));
        }
        for (Thread t : threads)
            t.start();
        for (Thread t : threads)
            t.join();
        Collections.sort(lines);
        lines.forEach(System.out::println);
    }
}
