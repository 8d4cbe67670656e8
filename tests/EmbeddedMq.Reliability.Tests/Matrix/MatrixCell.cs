using System.Globalization;
using System.Text.Json;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>One cell of the failure matrix: what is used, and where it is killed. What test and victim agree on.</summary>
/// <param name="Mechanism">Producer or consumer, and its store.</param>
/// <param name="Engine">Where the queues are.</param>
/// <param name="Place">Where the process dies, or the server: <c>before claim</c>; empty in the life that finishes the work.</param>
/// <param name="Directory">A folder of the cell's own.</param>
/// <param name="RabbitMq">The address of the RabbitMQ server, where it is the engine.</param>
/// <param name="Store">The address of the store's server, or what a driver needs to find it.</param>
/// <param name="Server">The process to kill instead of the victim.</param>
internal sealed record MatrixCell(Mechanism Mechanism, Engine Engine, string Place, string Directory, string RabbitMq, string Store, int? Server)
{
    /// <summary>How many messages there are: some are done when it happens, one is under way, some are to come.</summary>
    public const int Messages = 5;

    /// <summary>How often the place is passed before it happens.</summary>
    public const int PassesBefore = 2;

    /// <summary>Whether this is the life that finishes the work of the killed one.</summary>
    public bool IsSecondLife => Place.Length == 0;

    /// <summary>Whether messages come from the application of the cell; else they are in the queue from the beginning.</summary>
    public bool HasProducer => HasOutboxOnly(Mechanism) || Mechanism == Mechanism.Checks;

    /// <summary>The queue that is consumed, or that the outbox sends to.</summary>
    public string Queue => $"in-{Suffix}";

    /// <summary>The queue of what handlers send.</summary>
    public string Results => $"out-{Suffix}";

    /// <summary>The queue of the check service.</summary>
    public string Checks => $"checks-{Suffix}";

    /// <summary>The file that handlers write to: an effect outside of every store.</summary>
    public string Effects => Path.Combine(Directory, "effects");

    // A server that many cells share needs names of each cell's own.
    private string Suffix => Path.GetFileName(Directory);

    /// <summary>Whether an outbox is what is tried: nobody consumes what it sends.</summary>
    /// <param name="mechanism">The mechanism.</param>
    public static bool HasOutboxOnly(Mechanism mechanism)
        => mechanism is Mechanism.EmbeddedOutbox or Mechanism.SqliteOutbox or Mechanism.PostgresOutbox or Mechanism.MariaDbOutbox;

    /// <summary>The id of a message.</summary>
    /// <param name="number">Its number, from 1.</param>
    public static string IdOf(int number) => string.Create(CultureInfo.InvariantCulture, $"m-{number}");

    /// <summary>This as an argument of a program.</summary>
    public string ToArgument() => JsonSerializer.Serialize(this);

    /// <summary>Reads what <see cref="ToArgument"/> wrote.</summary>
    /// <param name="argument">The argument.</param>
    public static MatrixCell Parse(string argument) => JsonSerializer.Deserialize<MatrixCell>(argument)!;
}
