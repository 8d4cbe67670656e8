namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>The column of delayed second confirmation. Apart from the others because its cells wait most of their time, for checks that are to come due.</summary>
public sealed class CheckMatrixTests
{
    // In the order in which they come, but that a check may be due at any moment: sending, processing, recording, asking, sending again.
    private static readonly string[] Places =
    [
        "before check", "after check", "before publish", "after publish", "after confirm",
        "before claim", "after claim", "before effect", "after effect", "before mark", "after mark",
        "before confirmation", "after confirmation", "before ack", "after ack",
        "before record", "after record",
        "before due", "after due", "before callback", "after callback",
        "before recheck", "after recheck", "before resend", "after resend", "before note", "after note",
    ];

    /// <summary>Engine, place.</summary>
    public static TheoryData<string, string> Cells()
    {
        TheoryData<string, string> cells = [];
        foreach (Engine engine in Enum.GetValues<Engine>())
        {
            foreach (string place in Places)
            {
                cells.Add(engine.ToString(), place);
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task Process_Killed_NothingIsLostAndEffectsAreAsStated(string engineName, string place)
    {
        Engine engine = Enum.Parse<Engine>(engineName);
        await using MatrixRun run = await MatrixRun.PrepareAsync(Mechanism.Checks, engine, place, "", await MatrixServers.RabbitMqAsync(engine));
        await run.KillAndFinishAsync();
        await run.AssertAsync();
    }
}
