namespace EmbeddedMq.Errors;

/// <content>Errors of hosting.</content>
internal static partial class MqErrors
{
    /// <summary>The management of a broker is asked for before its start or after its end.</summary>
    internal static InvalidOperationException NotStarted(string name)
        => new($"The broker{(name.Length == 0 ? "" : $" '{name}'")} does not run. Start the host first, or open a connection, which starts it.");
}
