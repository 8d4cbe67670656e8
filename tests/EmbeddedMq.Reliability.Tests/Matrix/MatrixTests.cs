using System.Diagnostics;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>The failure matrix of the documentation: each cell is a process that is killed at one step, or whose database is, and what is left when the
/// work has been finished: nothing is lost, and each effect is counted.</summary>
/// <param name="servers">The servers, shared by all cells that leave them alive.</param>
public sealed class MatrixTests(MatrixServers servers) : IClassFixture<MatrixServers>
{
    private static readonly string[] OutboxPlaces =
    [
        "before store", "after store", "after take", "before publish", "after publish", "after confirm", "before mark", "after mark",
    ];

    private static readonly string[] InboxPlaces =
    [
        "before claim", "after claim", "before effect", "after effect", "before mark", "after mark", "before ack", "after ack",
    ];

    // What a server's death can fall between; the rest happens without it.
    private static readonly string[] OutboxPlacesOfServers = ["before store", "after store", "after take", "before mark", "after mark"];
    private static readonly string[] InboxPlacesOfServers = ["before claim", "after claim", "before mark", "after mark"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Mechanism, engine, place.</summary>
    public static TheoryData<string, string, string> ProcessCells()
    {
        TheoryData<string, string, string> cells = [];
        foreach ((Mechanism mechanism, Engine engine) in Combinations())
        {
            foreach (string place in PlacesOf(mechanism))
            {
                cells.Add(mechanism.ToString(), engine.ToString(), place);
            }
        }

        return cells;
    }

    /// <summary>Mechanism, place.</summary>
    public static TheoryData<string, string> ServerCells()
    {
        TheoryData<string, string> cells = [];
        foreach (Mechanism mechanism in new[]
        {
            Mechanism.PostgresOutbox, Mechanism.MariaDbOutbox, Mechanism.PostgresInbox, Mechanism.MariaDbInbox, Mechanism.RedisInbox,
        })
        {
            foreach (string place in MatrixCell.HasOutboxOnly(mechanism) ? OutboxPlacesOfServers : InboxPlacesOfServers)
            {
                cells.Add(mechanism.ToString(), place);
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(ProcessCells))]
    public async Task Process_Killed_NothingIsLostAndEffectsAreAsStated(string mechanismName, string engineName, string place)
    {
        (Mechanism mechanism, Engine engine) = (Enum.Parse<Mechanism>(mechanismName), Enum.Parse<Engine>(engineName));
        await using MatrixRun run = await MatrixRun.PrepareAsync(mechanism, engine, place, await servers.AddressAsync(mechanism), await MatrixServers.RabbitMqAsync(engine));
        await run.KillAndFinishAsync();
        await run.AssertAsync();
    }

    [Theory]
    [MemberData(nameof(ServerCells))]
    public async Task Server_Killed_NothingIsLostAndEffectsAreAsStated(string mechanismName, string place)
    {
        Mechanism mechanism = Enum.Parse<Mechanism>(mechanismName);
        MortalServer server = await servers.MortalAsync(mechanism);
        await using MatrixRun run = await MatrixRun.PrepareAsync(mechanism, Engine.Embedded, place, server.Address, "", server.ProcessId());

        using Process victim = Victim.Start(run.Cell);
        Assert.Equal(Victim.ServerKilled, await victim.StandardOutput.ReadLineAsync(Token).AsTask().WithinPatienceAsync("the death of the server"));
        await server.RestartAsync();
        Assert.Equal(0, await run.EndAsync(victim));

        await run.AssertAsync();
    }

    private static IEnumerable<string> PlacesOf(Mechanism mechanism) => mechanism switch
    {
        _ when MatrixCell.HasOutboxOnly(mechanism) => OutboxPlaces,
        Mechanism.EmbeddedInbox => InboxPlaces.Where(static place => !place.EndsWith("ack", StringComparison.Ordinal)), // the mark of this one is the acknowledgement
        Mechanism.EmbeddedDirectory => InboxPlaces.Where(static place => place[(place.IndexOf(' ') + 1)..] is "effect" or "ack"), // nobody sees its store
        _ => InboxPlaces,
    };

    // Each store on the engine in the process; on a server those that differ by where the queues are.
    private static IEnumerable<(Mechanism Mechanism, Engine Engine)> Combinations()
    {
        foreach (Mechanism mechanism in Enum.GetValues<Mechanism>())
        {
            if (mechanism is not (Mechanism.EmbeddedInboxBeside or Mechanism.EmbeddedDirectory or Mechanism.Checks))
            {
                yield return (mechanism, Engine.Embedded);
            }
        }

        foreach (Mechanism mechanism in new[]
        {
            Mechanism.EmbeddedOutbox, Mechanism.SqliteOutbox, Mechanism.EmbeddedInboxBeside, Mechanism.EmbeddedDirectory, Mechanism.SqliteInbox,
            Mechanism.RedisInbox,
        })
        {
            yield return (mechanism, Engine.RabbitMq);
        }
    }
}
