#@ Packages: ghc
#@ Does: a threaded program with STM
#@ Deadline: 200
cat > p.hs <<'END'
import Control.Concurrent
import Control.Concurrent.STM ()
main :: IO ()
main = putStrLn "x"
END
cat > p.hs <<'END'
import Control.Concurrent
import Control.Exception
import Control.Monad
import System.IO
import qualified Data.Map as M
main :: IO ()
main = do
  box <- newMVar 0
  done <- newEmptyMVar
  forM_ [1 .. 2000 :: Int] $ \i -> forkIO $ do { threadDelay 100; modifyMVar_ box (return . (+ i)); putMVar done () }
  replicateM_ 2000 (takeMVar done)
  readMVar box >>= print
  writeFile "f" (unlines (map show [1 .. 10000 :: Int])); readFile "f" >>= print . sum . map (read :: String -> Int) . lines
  r <- try (evaluate (1 `div` (0 :: Int))) :: IO (Either ArithException Int)
  print r
  print (M.size (M.fromList [(x * 7919 `mod` 10007, x) | x <- [1 .. 20000 :: Int]]))
END
ghc -v0 -O1 -threaded -rtsopts p.hs -o p; ./p +RTS -N2
