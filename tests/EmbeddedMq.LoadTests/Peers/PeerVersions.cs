using System.Reflection;
using System.Text;
using MassTransit;
using Microsoft.Data.Sqlite;
using Wolverine;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>What was measured, in which version, and set up how.</summary>
internal static class PeerVersions
{
    internal static string Describe() => new StringBuilder()
        .AppendLine("## Peers")
        .AppendLine()
        .AppendLine("- Channel: System.Threading.Channels, unbounded. It hands over references; \"minimal acknowledgements\" adds a number, a table and a lock.")
        .AppendLine($"- Wolverine {VersionOf<IMessageBus>()}: local queues, buffered; objects by reference, nothing is serialized.")
        .AppendLine($"- Rebus {VersionOf<Rebus.Bus.IBus>()}: in-memory transport, System.Text.Json, a worker for each core.")
        .AppendLine($"- MassTransit {VersionOf<IBusControl>()}: in-memory transport with its defaults, the last line under a free licence.")
        .AppendLine("- raw: one file, one write and one sync for so many messages. FasterLog: as documented, and lean (one file, no metadata for each commit).")
        .AppendLine($"- SQLite ({VersionOf<SqliteConnection>()}): a table, WAL, synchronous FULL, one transaction for as many messages as are outstanding.")
        .AppendLine("- Redis: Debian's server on loopback, appendfsync always, a stream; what is outstanding is sent together.")
        .AppendLine($"- RabbitMQ: Debian's server on loopback, RabbitMQ.Client {VersionOf<RabbitMQ.Client.IConnection>()}, durable classic queue; transient and without confirms in S1 to S4.")
        .AppendLine()
        .AppendLine("Latencies are of every 16th publish call in S1 to S3, S8 and S9, of the round trip in S4, and until the confirm in S5 and S6.")
        .Append("Processor time and allocations are of this process: a server's are not among them.")
        .ToString();

    private static string VersionOf<T>()
        => typeof(T).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "of unknown version";
}
