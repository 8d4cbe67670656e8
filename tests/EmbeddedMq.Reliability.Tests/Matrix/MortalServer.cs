namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>A server that cells may kill.</summary>
/// <param name="Address">Where drivers find it.</param>
/// <param name="ProcessId">Gives its process of the moment.</param>
/// <param name="RestartAsync">Starts it again with its data.</param>
public sealed record MortalServer(string Address, Func<int> ProcessId, Func<Task> RestartAsync);
