// JDBC: what ordinary programs do. Run as a source file: java -cp DRIVER JdbcSuite.java

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class JdbcSuite {
    static void say(String what, Object value) {
        System.out.println(what + ": " + value);
    }

    static String one(Statement statement, String sql) throws SQLException {
        try (ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT")
            + "/" + System.getenv("PGDATABASE") + "?sslmode=disable";
        String user = System.getenv("PGUSER");
        try (Connection connection =
                DriverManager.getConnection(url, user, System.getenv("PGPASSWORD"));
                Statement statement = connection.createStatement()) {
            say("simple", one(statement, "select 'two'"));
            statement.execute(
                "create temp table suite(id serial primary key, name text, n numeric)");
            batches(connection);
            prepared(connection);
            transactions(connection, statement);
            copies(connection, statement);
            try (ResultSet columns =
                    connection.getMetaData().getColumns(null, null, "suite", null)) {
                int count = 0;
                while (columns.next()) count++;
                say("columns", count);
            }
        }
        System.out.println("done");
    }

    static void batches(Connection connection) throws SQLException {
        String sql = "insert into suite(name, n) values (?, ?)";
        try (PreparedStatement insert =
                connection.prepareStatement(sql, Statement.RETURN_GENERATED_KEYS)) {
            for (int number = 0; number < 300; number++) {
                insert.setString(1, "name " + number);
                insert.setBigDecimal(2, new java.math.BigDecimal(number).movePointLeft(1));
                insert.addBatch();
            }
            say("batch", insert.executeBatch().length);
            try (ResultSet keys = insert.getGeneratedKeys()) {
                int sum = 0;
                while (keys.next()) sum += keys.getInt(1);
                say("keys", sum);
            }
        }
    }

    static void prepared(Connection connection) throws SQLException {
        try (PreparedStatement select =
                connection.prepareStatement("select name, n from suite where id = ?")) {
            // The server's own prepared statement is used from the fifth time on.
            for (int number = 1; number < 12; number++) {
                select.setInt(1, number);
                try (ResultSet rows = select.executeQuery()) {
                    rows.next();
                    say("prepared", rows.getString(1) + " " + rows.getBigDecimal(2));
                }
            }
        }
    }

    static void transactions(Connection connection, Statement statement) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement fetch = connection.createStatement()) {
            fetch.setFetchSize(7);
            long sum = 0;
            try (ResultSet rows = fetch.executeQuery("select id from suite order by id")) {
                while (rows.next()) sum += rows.getLong(1);
            }
            say("fetched in parts", sum);
        }
        try {
            statement.execute("select 1/0");
        } catch (SQLException error) {
            say("error", error.getSQLState());
        }
        connection.rollback();
        connection.setAutoCommit(true);
        say("usable", one(statement, "select count(*) from suite"));
    }

    static void copies(Connection connection, Statement statement) throws Exception {
        CopyManager copies = connection.unwrap(PGConnection.class).getCopyAPI();
        long rows = copies.copyIn("copy suite(id, name) from stdin",
            new StringReader("1001\tx\n1002\ty\n"));
        say("copied in", rows);
        StringWriter out = new StringWriter();
        copies.copyOut(
            "copy (select id, name from suite where id > 1000 order by id) to stdout", out);
        say("copied out", out.toString().replace("\n", "|"));
        connection.setAutoCommit(true);
        say("rows", one(statement, "select count(*) from suite"));
    }
}
