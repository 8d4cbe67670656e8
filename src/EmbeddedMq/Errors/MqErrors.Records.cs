namespace EmbeddedMq.Errors;

/// <content>What is wrong with stored bytes, and what cannot be stored.</content>
internal static partial class MqErrors
{
    /// <summary>Bytes that no version of this broker wrote.</summary>
    /// <param name="fault">What is wrong, as a clause.</param>
    /// <param name="offset">Where the reader stood, in bytes from the begin of what it reads.</param>
    /// <param name="length">How many bytes it reads.</param>
    internal static string RecordDamaged(string fault, int offset, int length)
        => $"A stored record cannot be read: {fault}, at byte {offset} of {length}. The file is damaged, or was written by a later version.";

    /// <summary>A table within tables beyond what can be stored.</summary>
    /// <param name="maxDepth">The bound.</param>
    internal static string TableTooDeep(int maxDepth)
        => $"Tables and lists are nested deeper than {maxDepth} levels and cannot be stored. Flatten them.";
}
