namespace EmbeddedMq;

/// <summary>Where a store's tables are, and by which clock it goes. Not thread-safe; read once, when the store is made.</summary>
public class SqlStoreOptions
{
    /// <summary>The database's dialect. Default: recognised by the driver.</summary>
    public SqlDialect? Dialect { get; set; }

    /// <summary>What the names of the tables and their indexes begin with. Default <c>embeddedmq_</c>. At most 40 bytes of UTF-8.</summary>
    public string TablePrefix { get; set; } = "embeddedmq_";

    /// <summary>The schema, for MariaDB and MySQL the database, for SQLite the attached database, that the tables are in. Default: the connection's own.</summary>
    public string? Schema { get; set; }

    /// <summary>Makes the tables when the store is first used, where they are missing. Default no: <see cref="SqlSchema.CreateAsync"/> or its script makes them.</summary>
    public bool CreateTables { get; set; }

    /// <summary>The clock by which leases, delays and retention are measured. Default <see langword="null"/>: the database server's, so that several
    /// machines go by one clock; with SQLite this machine's.</summary>
    /// <remarks>The server's time is asked for once in a while and carried on by this machine's monotonic clock in between. With a clock of the
    /// application's, that of one machine may be ahead of another's: leases then end earlier for it by as much, and a message may be sent twice.</remarks>
    public TimeProvider? TimeProvider { get; set; }
}
