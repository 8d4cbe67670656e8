namespace EmbeddedMq.Errors;

/// <content>Errors of hosting.</content>
internal static partial class MqErrors
{
    /// <summary>The configuration says something that no option takes.</summary>
    internal static string UnknownSetting(string path, IEnumerable<string> known)
        => $"The configuration has '{path}', which nobody reads. Correct the name or take it out; known there: {string.Join(", ", known)}.";

    /// <summary>The management of a broker is asked for before its start.</summary>
    internal static InvalidOperationException NotStarted(string name)
        => new($"The broker{(name.Length == 0 ? "" : $" '{name}'")} does not run. Start the host first, or open a connection, which starts it.");

    /// <summary>A broker is used after its host has ended it.</summary>
    internal static ObjectDisposedException BrokerEnded(string name)
        => new(name, $"The broker{(name.Length == 0 ? "" : $" '{name}'")} has ended with its host. Use it until your hosted services have stopped, at the latest in their StopAsync.");
}
