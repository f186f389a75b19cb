// Where pgjdbc's reads go, with the calls that Spring makes for @Transactional: see ../test_reads.py.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;

class Reads {
    static void read(Connection c, String word, int times) throws Exception {
        try (PreparedStatement p = c.prepareStatement("select count(*) from notes where v = ?")) {
            for (int i = 0; i < times; i++) {
                p.setString(1, "reads " + word);
                p.executeQuery().close();
            }
        }
    }

    // DataSourceTransactionManager.doBegin and doCleanupAfterCompletion
    static void begin(Connection c, boolean readOnly) throws Exception {
        if (readOnly)
            c.setReadOnly(true);
        c.setAutoCommit(false);
    }

    static void end(Connection c) throws Exception {
        c.commit();
        c.setAutoCommit(true);
        if (c.isReadOnly())
            c.setReadOnly(false);
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        try (Connection c = DriverManager.getConnection(url + "?prepareThreshold=5", System.getenv("PGUSER"), "")) {
            read(c, "plain", 8);

            begin(c, false);
            read(c, "transactional", 2);
            try (PreparedStatement p = c.prepareStatement("insert into notes (v) values (?)")) {
                p.setString(1, "reads write");
                p.executeUpdate();
            }
            end(c);

            begin(c, true);
            read(c, "declared", 8);
            end(c);

            begin(c, false);
            read(c, "transactional", 1);
            end(c);
        }
    }
}
