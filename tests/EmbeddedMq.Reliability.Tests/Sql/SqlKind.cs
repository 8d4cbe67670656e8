namespace EmbeddedMq.Reliability.Tests.Sql;

/// <summary>A kind of database.</summary>
public enum SqlKind
{
    Sqlite,
    Postgres,
    MariaDb,
}
